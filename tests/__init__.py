"""The tests, laid out like the rooms of ``poolcli/``; what they share is imported from here."""
