"""The project that the pages about syncs show: parcels with their boxes."""

GOOD = """\
lifecycle: parcels
states: {packed: {is: initial}, sent: {}, arrived: {is: terminal}, given_up: {is: terminal}}
transitions: {packed: [sent, given_up], sent: [arrived, given_up]}
---
lifecycle: boxes
states: {stored: {is: initial}, moving: {}, home: {is: terminal}, lost: {is: terminal}}
transitions: {stored: [moving], moving: [home, lost]}
---
table: parcel
about: A parcel.
shared: true
columns: {address: text}
---
table: box
about: A box of a parcel.
shared: true
columns: {parcel_id: uuid references parcel, label: text}
---
access: boxes
tables: [parcel, box]
allow: {}
---
machine: parcel
follows: parcels
undriven: {packed: {to: {given_up: By hand.}}, sent: {to: {given_up: By hand.}}}
sync:
  box:
    by: parcel_id
    births: refuse
    up:
      - {from: packed, to: sent, when: {any: moving}}
      - {from: packed, to: sent, when: {any: settled}}
      - {from: sent, to: arrived, when: {all: settled}}
    down:
      given_up: [lost]
invariants:
  settled_means_nothing_open: {if: settled, then: {box: {none: open}}}
---
machine: box
follows: boxes
undriven: {stored: By hand., moving: By hand.}
"""

SELF = """\
lifecycle: boxes
states: {packed: {is: initial}, done: {is: terminal}}
transitions: {packed: [done]}
---
table: box
about: A box, maybe in another one.
shared: true
columns: {outer_id: uuid null references box}
---
access: boxes
tables: [box]
allow: {}
---
machine: box
follows: boxes
sync: {box: {up: [{from: packed, to: done, when: {all: settled}}]}}
undriven: {}
"""
