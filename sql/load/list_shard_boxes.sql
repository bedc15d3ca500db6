-- List the cells that the digits of one shard come from, by digit: in pixels of the registered page and of
-- the original scan.
select
    unhex(replace(cast(cells.digit_id as varchar), '-', '')) as digit_id,
    cells.box,
    cells.source_box
from cells
inner join pages using (page_id)
inner join digits using (digit_id)
where digits.shard_fingerprint = $shard and pages.dataset = $dataset
order by all
