"""What can happen to a customer: the catalogue of events, their JSON form, their Arrow form."""
