-- Return the next $count revision numbers.
select nextval('revision_numbers') as revision_number
from range($count)
