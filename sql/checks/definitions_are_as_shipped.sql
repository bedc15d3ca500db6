-- question: Are the views and macros of the database, which audits and checks use, those of this release?
-- grain: One row per view or macro that was altered, is missing, or was added.
-- column kind: view or macro
-- column name: name of the view or macro
-- column parameters: parameters of the macro, empty for a view
-- column problem: description of the problem
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
            when found.text is null then 'the definition is missing'
            when shipped_definitions.text is null then 'the definition was added'
            else 'the definition was altered'
        end as problem
    from shipped_definitions
    full join found using (kind, name, parameters)
    where shipped_definitions.text is distinct from found.text
)

select kind, name, parameters, problem
from final
order by kind, name, parameters
