-- Names the tables of the database, ours or not.
select table_name
from duckdb_tables()
where not internal and not temporary
order by table_name
