"""The CMS barrel that both simulations share: its field and where its calorimeter begins.

Source: CMS, JINST 3 (2008) S08004, sections 2 (solenoid) and 4.2 (crystals of the barrel).
"""

FIELD_T = 3.8
# Distance from the beam line to the front face of the crystals.
CALORIMETER_RADIUS_M = 1.29
