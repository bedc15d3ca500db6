-- List the database's own views and macros with their definitions, without tables and DuckDB's internals.
select
    'macro' as kind,
    function_name as name,
    cast(parameters as varchar) as parameters,
    macro_definition as text
from duckdb_functions()
where not internal and function_type in ('macro', 'table_macro')
union all
select 'view' as kind, view_name as name, '' as parameters, sql as text
from duckdb_views()
where not internal and not temporary
order by kind, name, parameters
