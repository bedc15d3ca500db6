-- Choices: boxes and bubbles that people mark. Their states come from the ink alone, without a model.

-- One row per choice of a template.
create table template_choices (
    template varchar not null,
    choice varchar not null,
    choice_number integer not null,
    kind varchar not null check (kind in ('one', 'many', 'digits')),
    fewest integer not null,
    checks varchar,
    primary key (template, choice)
);

comment on table template_choices is 'Choices of templates: boxes and bubbles that people mark.';
comment on column template_choices.template is 'Fingerprint of the template.';
comment on column template_choices.choice is 'Name of the choice.';
comment on column template_choices.choice_number is 'Number of the choice in the template, from 0.';
comment on column template_choices.kind is
    'one or many of the options, or digits: one digit for each position.';
comment on column template_choices.fewest is 'Smallest number of digits. 0 for other kinds.';
comment on column template_choices.checks is
    'Field whose written digits have to agree with the marks. Null if none.';

-- One row per choice of a page that was read. Boxes are pixels of the registered page and of the scan.
create table choices (
    choice_id uuid not null,
    page_id uuid not null,
    template varchar not null,
    choice varchar not null,
    choice_number integer not null,
    box struct(x integer, y integer, width integer, height integer) not null,
    source_box struct(x integer, y integer, width integer, height integer) not null,
    picture blob not null
);

comment on table choices is 'Choices of pages that were read.';
comment on column choices.choice_id is 'Id of the choice on this page.';
comment on column choices.page_id is 'Id of the page.';
comment on column choices.template is 'Fingerprint of the template.';
comment on column choices.choice is 'Name of the choice.';
comment on column choices.choice_number is 'Number of the choice in the template, from 0.';
comment on column choices.box is 'Place around all options on the registered page, pixels at 200 dpi.';
comment on column choices.source_box is 'The same place on the original scan, pixels.';
comment on column choices.picture is 'Picture of the choice, JPEG.';

-- One row per box or bubble of a choice on a page.
create table choice_options (
    choice_id uuid not null,
    page_id uuid not null,
    option_number integer not null,
    "option" varchar not null,
    "position" integer not null,
    state varchar not null check (state in ('marked', 'empty', 'doubtful')),
    is_marked boolean not null,
    doubt varchar,
    coverage float not null check (coverage between 0 and 1),
    darkness float not null,
    confidence float not null check (confidence between 0 and 1),
    box struct(x integer, y integer, width integer, height integer) not null,
    source_box struct(x integer, y integer, width integer, height integer) not null,
    check ((state = 'doubtful') = (doubt is not null)),
    check (state = 'doubtful' or (state = 'marked') = is_marked)
);

comment on table choice_options is 'Boxes and bubbles of the choices on pages.';
comment on column choice_options.choice_id is 'Id of the choice on this page.';
comment on column choice_options.page_id is 'Id of the page.';
comment on column choice_options.option_number is 'Number of the option in the choice, from 0.';
comment on column choice_options."option" is 'Name of the option, or the digit of the bubble.';
comment on column choice_options."position" is 'Position of the digit, from 0. 0 for other kinds of choices.';
comment on column choice_options.state is 'marked, empty or doubtful.';
comment on column choice_options.is_marked is 'True if the option is marked, or more likely marked than not.';
comment on column choice_options.doubt is
    'Reason of a doubt: touch, faint, line or blackened. Null if the state is certain.';
comment on column choice_options.coverage is 'Share of the free area that is covered with ink, 0 to 1.';
comment on column choice_options.darkness is 'Darkness of the ink, relative to black. 0 without ink.';
comment on column choice_options.confidence is 'Probability that is_marked is right, 0 to 1.';
comment on column choice_options.box is 'Place of the option on the registered page, pixels at 200 dpi.';
comment on column choice_options.source_box is 'Place of the option on the original scan, pixels.';

-- One row per choice with a known value, from a file of true values.
create table choice_truths (
    choice_id uuid primary key,
    page_id uuid not null,
    truth varchar not null,
    recorded_at timestamptz not null,
    actor varchar not null
);

comment on table choice_truths is 'True values of choices.';
comment on column choice_truths.choice_id is 'Id of the choice on its page.';
comment on column choice_truths.page_id is 'Id of the page.';
comment on column choice_truths.truth is 'True value, empty if nothing is marked.';
comment on column choice_truths.recorded_at is 'Time when it was recorded (UTC).';
comment on column choice_truths.actor is 'Person who recorded it.';

-- One row per choice of a page: its value by the marks, and the reasons to doubt it.
create view choice_values as
with

-- Each position of a number, or the only position of another choice.
positions as (
    select
        choice_options.choice_id,
        choice_options."position",
        count(*) filter (where choice_options.state = 'marked') as marked,
        count(*) filter (where choice_options.state = 'doubtful') as doubtful,
        min(choice_options."option") filter (where choice_options.state = 'marked') as first_marked,
        string_agg(choice_options."option", ', ' order by choice_options.option_number)
            filter (where choice_options.state = 'marked') as options_marked,
        string_agg(
            concat(
                choice_options.doubt,
                ': ',
                choice_options."option",
                if(template_choices.kind = 'digits', concat(' at position ', choice_options."position"), '')
            ),
            '; '
            order by choice_options.option_number
        ) filter (where choice_options.state = 'doubtful') as doubts,
        product(choice_options.confidence) as confidence
    from choice_options
    inner join choices using (choice_id)
    inner join template_choices using (template, choice)
    group by choice_options.choice_id, choice_options."position"
),

-- In a number, a position counts as filled if it has any ink.
marks as (
    select
        choice_id,
        sum(marked) as marked,
        sum(doubtful) as doubtful,
        string_agg(options_marked, ', ' order by "position") as options_marked,
        string_agg(
            case when marked = 1 then first_marked when marked + doubtful > 0 then '?' end,
            ''
            order by "position"
        ) as digits,
        count(*) filter (where marked + doubtful > 0) as filled,
        max("position") filter (where marked + doubtful > 0)
        - min("position") filter (where marked + doubtful > 0) + 1 as extent,
        string_agg(
            concat('several: ', options_marked, ' at position ', "position"), '; ' order by "position"
        ) filter (where marked > 1) as repeats,
        string_agg(doubts, '; ' order by "position") as doubts,
        product(confidence) as confidence
    from positions
    group by choice_id
),

judged as (
    select
        choices.choice_id,
        choices.page_id,
        choices.template,
        choices.choice,
        choices.choice_number,
        template_choices.kind,
        template_choices.checks,
        case
            when template_choices.kind = 'digits' then marks.digits
            when template_choices.kind = 'one' and marks.marked > 1 then '?'
            when marks.marked > 0 then marks.options_marked
            when marks.doubtful > 0 then '?'
        end as value_read,
        nullif(
            concat_ws(
                '; ',
                case
                    when template_choices.kind = 'one' and marks.marked > 1
                        then concat('several: ', marks.options_marked)
                    when template_choices.kind = 'digits' then marks.repeats
                end,
                case
                    when template_choices.kind = 'digits' and marks.extent > marks.filled
                        then 'gap: a position between digits is empty'
                    when template_choices.kind = 'digits'
                        and marks.filled between 1 and template_choices.fewest - 1
                        then concat('short: ', marks.filled, ' of ', template_choices.fewest, ' digits')
                end,
                marks.doubts
            ),
            ''
        ) as reason,
        marks.confidence,
        choices.box,
        choices.source_box
    from choices
    inner join template_choices using (template, choice)
    inner join marks using (choice_id)
)

select
    choice_id,
    page_id,
    template,
    choice,
    choice_number,
    kind,
    checks,
    if(contains(value_read, '?'), null, value_read) as value,
    value_read,
    case when reason is not null then 'doubtful' when value_read is null then 'blank' else 'marked' end
        as status,
    confidence,
    reason is not null as is_doubtful,
    reason,
    box,
    source_box
from judged;

comment on view choice_values is 'Values of the choices on pages, from their marks alone.';
comment on column choice_values.choice_id is 'Id of the choice on this page.';
comment on column choice_values.page_id is 'Id of the page.';
comment on column choice_values.template is 'Fingerprint of the template.';
comment on column choice_values.choice is 'Name of the choice.';
comment on column choice_values.choice_number is 'Number of the choice in the template, from 0.';
comment on column choice_values.kind is 'one, many or digits.';
comment on column choice_values.checks is
    'Field whose written digits have to agree with the marks. Null if none.';
comment on column choice_values.value is
    'Marked options, or the digits. Null if nothing is marked, or if it is unknown.';
comment on column choice_values.value_read is
    'The same, with ? for what is unknown. Null if nothing is marked.';
comment on column choice_values.status is 'marked, blank or doubtful.';
comment on column choice_values.confidence is 'Probability that every option is right, 0 to 1.';
comment on column choice_values.is_doubtful is 'True if a person should look at the choice.';
comment on column choice_values.reason is
    'Reasons of the doubt. The first word of each never changes. Null without a doubt.';
comment on column choice_values.box is 'Place around all options on the registered page, pixels at 200 dpi.';
comment on column choice_values.source_box is 'The same place on the original scan, pixels.';

-- One row per page with marks that check a field. Doubtful marks say nothing about the field.
create view checking_marks as
select
    page_id,
    list(struct_pack(choice := choice, value := value) order by choice_number) as marks
from choice_values
where checks is not null and not is_doubtful
group by page_id;

comment on view checking_marks is 'Certain marks that have to agree with the digits of a field, by page.';
comment on column checking_marks.page_id is 'Id of the page.';
comment on column checking_marks.marks is 'Choices with their values; a value is null if nothing is marked.';

-- One row per scoring run and choice of a page that it has read. Marks that differ from the digits of the
-- field that they check are doubtful for the readers of these digits.
create view choice_readings as
with

pages_of_runs as (
    select
        scoring_runs.scoring_run_id,
        scoring_runs.model_name,
        scoring_runs.model_version,
        scoring_runs.preprocessing_fingerprint,
        scoring_runs.precision,
        coalesce(scoring_runs.finished_at, scoring_runs.started_at) as scored_at,
        pages.page_id,
        pages.dataset,
        pages.source,
        pages.source_sha256,
        pages.page,
        pages.form,
        pages.read_at
    from scoring_runs
    inner join pages using (dataset)
    where pages.status = 'read'
),

-- The fields of a page that an ingest added after the run are not read yet.
read_pages as (
    select pages_of_runs.*
    from pages_of_runs
    left join (
        select distinct page_id, model_name, model_version, preprocessing_fingerprint, precision
        from values_read
    ) as assembled using (page_id, model_name, model_version, preprocessing_fingerprint, precision)
    where assembled.page_id is not null or pages_of_runs.page_id not in (select page_id from fields)
),

joined as (
    select
        read_pages.scoring_run_id,
        read_pages.dataset,
        read_pages.page_id,
        read_pages.source,
        read_pages.source_sha256,
        read_pages.page,
        read_pages.form,
        read_pages.read_at,
        read_pages.scored_at,
        choice_values.template,
        choice_values.choice_id,
        choice_values.choice,
        choice_values.choice_number,
        choice_values.kind,
        choice_values.checks,
        choice_values.value,
        choice_values.value_read,
        choice_values.status,
        choice_values.confidence,
        choice_values.box,
        choice_values.source_box,
        nullif(
            concat_ws(
                '; ',
                choice_values.reason,
                if(
                    final_rule_failures.page_id is null,
                    null,
                    concat('differs: the digits of ', choice_values.checks, ' are others')
                )
            ),
            ''
        ) as reason
    from read_pages
    inner join choice_values using (page_id)
    left join final_rule_failures
        on read_pages.page_id = final_rule_failures.page_id
        and read_pages.model_name = final_rule_failures.model_name
        and read_pages.model_version = final_rule_failures.model_version
        and read_pages.preprocessing_fingerprint = final_rule_failures.preprocessing_fingerprint
        and read_pages.precision = final_rule_failures.precision
        and final_rule_failures.rule = concat(choice_values.checks, ' = ', choice_values.choice)
)

select
    scoring_run_id,
    dataset,
    page_id,
    source,
    source_sha256,
    page,
    form,
    template,
    read_at,
    scored_at,
    choice_id,
    choice,
    choice_number,
    kind,
    checks,
    value,
    value_read,
    if(reason is null, status, 'doubtful') as status,
    case when reason is not null then 'review' when value is null then 'blank' else 'accept' end as decision,
    reason,
    reason is not null as is_doubtful,
    confidence,
    box,
    source_box
from joined;

comment on view choice_readings is 'Values of choices as each scoring run shows them, with checked fields.';
comment on column choice_readings.scoring_run_id is 'Id of the scoring run.';
comment on column choice_readings.dataset is 'Dataset of the page.';
comment on column choice_readings.page_id is 'Id of the page.';
comment on column choice_readings.source is 'Path of the document.';
comment on column choice_readings.source_sha256 is 'Sha256 of the document.';
comment on column choice_readings.page is 'Page of the document, from 1.';
comment on column choice_readings.form is 'Name of the form.';
comment on column choice_readings.template is 'Fingerprint of the template.';
comment on column choice_readings.read_at is 'Time when the page was read (UTC).';
comment on column choice_readings.scored_at is 'Time when the run finished, or else started (UTC).';
comment on column choice_readings.choice_id is 'Id of the choice on this page.';
comment on column choice_readings.choice is 'Name of the choice.';
comment on column choice_readings.choice_number is 'Number of the choice in the template, from 0.';
comment on column choice_readings.kind is 'one, many or digits.';
comment on column choice_readings.checks is
    'Field whose written digits have to agree with the marks. Null if none.';
comment on column choice_readings.value is
    'Marked options, or the digits. Null if nothing is marked, or if it is unknown.';
comment on column choice_readings.value_read is
    'The same, with ? for what is unknown. Null if nothing is marked.';
comment on column choice_readings.status is 'marked, blank or doubtful.';
comment on column choice_readings.decision is 'accept, review or blank.';
comment on column choice_readings.reason is 'Reasons for a review. Null if the choice needs none.';
comment on column choice_readings.is_doubtful is 'True if a person should look at the choice.';
comment on column choice_readings.confidence is 'Probability that every option is right, 0 to 1.';
comment on column choice_readings.box is
    'Place around all options on the registered page, pixels at 200 dpi.';
comment on column choice_readings.source_box is 'The same place on the original scan, pixels.';
