-- question: Does every page that was read have each choice of its template once, with its options?
-- grain: One row per page and problem with its choices.
-- column page_id: id of the page
-- column dataset: dataset of the page
-- column source: path of the document
-- column page: page of the document, from 1
-- column problem: description of the problem
with

page_rows as (
    select page_id, dataset, source, page, status, template
    from pages
),

-- Compare sorted lists of names, so that a repeated choice cannot stand in for a missing one.
expected_choices as (
    select template, list(choice order by choice) as choices
    from template_choices
    group by template
),

found_choices as (
    select page_id, list(choice order by choice) as choices
    from choices
    group by page_id
),

-- Every page of a template has the same boxes and bubbles.
found_options as (
    select
        choices.template,
        choices.choice,
        choices.page_id,
        count(choice_options.option_number) as options,
        count(distinct choice_options.option_number) as numbers
    from choices
    left join choice_options using (choice_id)
    group by choices.template, choices.choice, choices.page_id
),

compared_options as (
    select
        page_id,
        options < max(options) over (partition by template, choice) or options = 0 as has_missing,
        options > numbers as has_repeats
    from found_options
),

problems as (
    select page_rows.page_id, 'the page was not read but has choices' as problem
    from page_rows
    semi join found_choices using (page_id)
    where page_rows.status <> 'read'
    union
    select page_rows.page_id, 'the choices differ from the template''s' as problem
    from page_rows
    left join expected_choices using (template)
    left join found_choices using (page_id)
    where page_rows.status = 'read' and found_choices.choices is distinct from expected_choices.choices
    union
    select page_id, 'options of a choice are missing' as problem
    from compared_options
    where has_missing
    union
    select page_id, 'several options have the same number in a choice' as problem
    from compared_options
    where has_repeats
    union
    select page_id, 'choices belong to a page that does not exist' as problem
    from choices
    where page_id not in (select page_id from pages)
    union
    select page_id, 'options belong to a choice that their page does not have' as problem
    from choice_options
    where (page_id, choice_id) not in (select (page_id, choice_id) from choices)
),

final as (
    select problems.page_id, page_rows.dataset, page_rows.source, page_rows.page, problems.problem
    from problems
    left join page_rows using (page_id)
)

select page_id, dataset, source, page, problem
from final
order by page_id, problem
