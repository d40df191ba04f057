"""USB boards and firmware images, through esptool.

Only :mod:`discover.boards.esptool_api` imports esptool and pyserial, and only when it is asked for something:
loading them takes longer than most commands run.
"""
