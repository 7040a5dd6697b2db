"""Restores of a deployment on the emulator, its changes archived by the real janitor."""
