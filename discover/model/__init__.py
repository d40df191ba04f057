"""The words everything else is said in: frozen values, standard library only.

Take each from its module: a scan loads those of networks and signals, and not those of devices.
"""
