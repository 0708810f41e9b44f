"""What a student need not read: checks at the doors, work for all cores, progress bars."""
