"""The commands of ``lenet``: each parses its arguments, calls a flow or a query, and prints."""
