"""The fault suite: the whole engine under kills, losses and outages, with every answer and every cent counted."""
