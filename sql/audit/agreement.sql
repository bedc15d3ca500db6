-- question: How often do people who read blind agree with each other, and with the model?
-- grain: One row per pair and field: two people, or a person and a model version.
-- param field: name of a field, or 'all' (default: all)
-- column kind: people for two people, model for a person and a model version
-- column person: person who answered
-- column compared_with: the other person, or the model version, NAME/VERSION
-- column form: name of the form, null for digits outside forms
-- column field: name of the field, null for digits outside forms
-- column items: items that both answered first or second, or items that the person answered
-- column equal: items with equal answers, or answers equal to the value read
-- column equal_pct: equal as a percentage of items
-- column kappa: Cohen's kappa of the characters, null for a model version, or if it is undefined
-- column equal_corrected: answers equal to the value after the rules, null for two people
with

people as (
    select
        'people' as kind,
        first_person as person,
        second_person as compared_with,
        form,
        field,
        items,
        agreed as equal,
        agreed_pct as equal_pct,
        round(kappa, 3) as kappa,
        cast(null as bigint) as equal_corrected
    from agreement_between_people
),

model as (
    select
        'model' as kind,
        actor as person,
        concat_ws('/', model_name, model_version) as compared_with,
        form,
        field,
        answers as items,
        equal_read as equal,
        equal_read_pct as equal_pct,
        cast(null as double) as kappa,
        equal_corrected
    from agreement_with_model
),

final as (
    select kind, person, compared_with, form, field, items, equal, equal_pct, kappa, equal_corrected
    from people
    where $field = 'all' or field = $field
    union all
    select kind, person, compared_with, form, field, items, equal, equal_pct, kappa, equal_corrected
    from model
    where $field = 'all' or field = $field
)

select kind, person, compared_with, form, field, items, equal, equal_pct, kappa, equal_corrected
from final
order by kind desc, person, compared_with, form, field
