"""The project file and the settings that it gives."""
