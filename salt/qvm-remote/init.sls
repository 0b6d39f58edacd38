# All of what dom0 is told.  Templates are told one by one: README.md.

include:
  - qvm-remote.dom0
  - qvm-remote.vm
