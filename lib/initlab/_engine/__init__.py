"""What a student need not read: argument checks, parallel work, progress bars."""
