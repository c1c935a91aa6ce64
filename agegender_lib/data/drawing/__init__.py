"""Drawing a face from its labels; what shows age or gender stands where its part is drawn."""
