# dom0: the package, and a policy for each VM that pillar names.
#
# Nothing is enabled or started, and no VM is authorised: people do that.
{%- from 'qvm-remote/map.jinja' import settings, fault with context %}

include:
  - qvm-remote.pillar
{% if not fault() %}

qvm-remote-dom0:
  pkg.installed:
{%- if settings.get('package-file') %}
    - sources:
      - qvm-remote-dom0: {{ settings['package-file']|tojson }}
{%- else %}
    - name: qvm-remote-dom0
{%- endif %}

{%- set policies = settings.get('policies', {})|dictsort %}
{%- for vm, text in policies %}
{%- set check = 'qvm-remote-dom0 policy check --with - ' ~ vm ~ ' >&2' %}

# Nothing on standard output is no change; the comment is what it says.
qvm-remote policy of {{ vm }}:
  cmd.run:
    - name: {{ check|tojson }}
    - stdin: {{ text|tojson }}
    - stateful:
      - test_name: {{ ('! command -v qvm-remote-dom0 >/dev/null || ' ~ check)
          |tojson }}
    - require:
      - pkg: qvm-remote-dom0
{%- endfor %}
{%- for vm, text in policies %}

# Not one of them, unless all hold.
/etc/qubes/remote.d/{{ vm }}.conf:
  file.managed:
    - contents: {{ text|tojson }}
    - user: root
    - group: root
    - mode: '0600'
    - require:
{%- for other, _ in policies %}
      - cmd: qvm-remote policy of {{ other }}
{%- endfor %}
{%- endfor %}
{%- if policies %}

# A daemon that runs reads them; one that does not, reads them at its start.
qvm-remote-dom0 reload:
  cmd.run:
    - name: systemctl reload qvm-remote-dom0.service
    - onlyif: systemctl is-active --quiet qvm-remote-dom0.service
    - onchanges:
{%- for vm, _ in policies %}
      - file: /etc/qubes/remote.d/{{ vm }}.conf
{%- endfor %}
{%- endif %}
{%- endif %}
