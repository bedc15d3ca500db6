-- question: Are the database's views and macros, which audits and checks rest on, those of this release?
-- grain: One row per view or macro that is another, gone, or put in.
-- column kind: view or macro
-- column name: its name
-- column parameters: a macro's parameters
-- column problem: what is wrong
with

found as (
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
),

final as (
    select
        kind,
        name,
        parameters,
        case
            when found.text is null then 'it is gone'
            when shipped_definitions.text is null then 'it was put in'
            else 'it was altered'
        end as problem
    from shipped_definitions
    full join found using (kind, name, parameters)
    where shipped_definitions.text is distinct from found.text
)

select kind, name, parameters, problem
from final
order by kind, name, parameters
