# Whether pillar can be followed: what else there is needs it.
{%- from 'qvm-remote/map.jinja' import fault with context %}

qvm-remote pillar:
{%- if fault() %}
  test.fail_without_changes:
    - name: {{ fault()|tojson }}
{%- else %}
  test.nop: []
{%- endif %}
