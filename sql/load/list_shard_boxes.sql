-- Lists where the cells are that the digits of one shard were cut from, by digit: on pages read with which
-- template, in pixels of the registered page and of the scan.
select
    unhex(replace(cast(cells.digit_id as varchar), '-', '')) as digit_id,
    pages.template,
    cells.box,
    cells.source_box
from cells
inner join pages using (page_id)
inner join digits using (digit_id)
where digits.shard_fingerprint = $shard and pages.template is not null
order by all
