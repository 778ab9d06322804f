"""Read by every Python at start that has this folder on its path."""

import network_off

network_off.install()
