-- question: Where on paper is this digit?
-- grain: One row per shard that contains the digit.
-- param digit: digit_id, or its beginning
-- column digit_id: id of the digit
-- column source: file or data set that contains the digit
-- column source_sha256: sha256 of that file or data set
-- column page: page of the source, from 1
-- column field: field of the form, null outside forms
-- column position: position in the field, or on the page outside forms, from 0
-- column label: label from ingest, null if unknown
-- column polarity: bright_on_dark or dark_on_bright, as found in the source
-- column form: name of the form, null outside forms
-- column template: fingerprint of the form's template, null outside forms
-- column dpi: resolution of the scan, dots per inch, null if unknown
-- column box: cell on the registered page, pixels at 200 dpi, null outside forms
-- column source_box: cell on the original scan, pixels, null outside forms
-- column field_id: id of the field, null outside forms
-- column shard_fingerprint: shard of the lake that contains the image
with

places as (
    select digit_id, source, source_sha256, page, field, position, label, polarity, shard_fingerprint
    from digits
    where digit_id = cast($digit as uuid)
),

digit_cells as (
    select cells.digit_id, cells.field_id, cells.box, cells.source_box, pages.form, pages.template, pages.dpi
    from cells
    inner join pages using (page_id)
    where cells.digit_id = cast($digit as uuid)
    qualify row_number() over (order by pages.read_at desc) = 1
),

final as (
    select
        places.digit_id,
        places.source,
        places.source_sha256,
        places.page,
        places.field,
        places.position,
        places.label,
        places.polarity,
        digit_cells.form,
        digit_cells.template,
        digit_cells.dpi,
        digit_cells.box,
        digit_cells.source_box,
        digit_cells.field_id,
        places.shard_fingerprint
    from places
    left join digit_cells using (digit_id)
)

select
    digit_id, source, source_sha256, page, field, position, label, polarity, form, template, dpi, box,
    source_box, field_id, shard_fingerprint
from final
order by shard_fingerprint
