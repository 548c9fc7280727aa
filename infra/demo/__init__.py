"""The guided tour: real requests against the running product, with the events and rows that follow from each."""
