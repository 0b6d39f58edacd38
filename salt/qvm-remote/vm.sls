# dom0: the VMs that pillar names are made where there are none of the name.
# They have no network unless pillar gives them one.
{%- from 'qvm-remote/map.jinja' import settings, fault with context %}

include:
  - qvm-remote.pillar
{% if not fault() %}
{%- for vm, prefs in settings.get('vms', {})|dictsort %}
{%- set prefs = prefs or {} %}

qvm-remote VM {{ vm }}:
  qvm.vm:
    - name: {{ vm|tojson }}
    - present:
{%- if prefs.get('template') %}
      - template: {{ prefs['template']|tojson }}
{%- endif %}
      - label: {{ prefs.get('label', 'black')|tojson }}
    - prefs:
      - netvm: {{ prefs.get('netvm', '')|tojson }}
      - memory: {{ prefs.get('memory', 400)|tojson }}
      - maxmem: {{ prefs.get('maxmem', 1024)|tojson }}
      - vcpus: {{ prefs.get('vcpus', 1)|tojson }}
      - autostart: false
    # A VM that was there is somebody's: it stays as it is.
    - unless: qvm-check --quiet {{ vm }}
{%- endfor %}
{%- endif %}
