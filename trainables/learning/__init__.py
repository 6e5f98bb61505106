"""How a network learns, whatever its input: epochs, steps, schedules, precision."""
