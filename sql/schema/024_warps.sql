-- Record how bent and folded pages were flattened.
alter table pages add column warp float[][][];

comment on column pages.warp is
    'Spline displacements (x, y) of the registered page, pixels, by row and column. Null if it was not bent.';
