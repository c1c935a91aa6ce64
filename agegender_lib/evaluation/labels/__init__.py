"""What the labels allow: their noise, and which of them look wrong."""
