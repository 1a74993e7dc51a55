WHERE = "packed"
