# A template, or a VM that stands alone: the client.
{%- from 'qvm-remote/map.jinja' import settings, fault with context %}

include:
  - qvm-remote.pillar
{% if not fault() %}

qvm-remote-vm:
  pkg.installed:
{%- if settings.get('client-package-file') %}
    - sources:
      - qvm-remote-vm: {{ settings['client-package-file']|tojson }}
{%- else %}
    - name: qvm-remote-vm
{%- endif %}
{%- endif %}
