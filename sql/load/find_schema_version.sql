-- Says which migration the database has reached.
select coalesce(max(version), 0) as version
from schema_migrations
