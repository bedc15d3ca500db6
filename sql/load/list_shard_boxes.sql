-- Lists where the cells are that the digits of one shard of a dataset were cut from, by digit: in pixels of
-- the registered page and of the scan.
select
    unhex(replace(cast(cells.digit_id as varchar), '-', '')) as digit_id,
    cells.box,
    cells.source_box
from cells
inner join pages using (page_id)
inner join digits using (digit_id)
where digits.shard_fingerprint = $shard and pages.dataset = $dataset
order by all
