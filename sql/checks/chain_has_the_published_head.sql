-- question: Has the chain the link that the model registry was told of as its last?
-- grain: One row where it has not: the chain was cut off or made anew.
-- column link_number: the link
-- column published_sha256: what the registry was told
-- column found_sha256: what the chain has, null where it has no such link
-- column problem: what is wrong
with

final as (
    select
        published_head.link_number,
        published_head.link_sha256 as published_sha256,
        chain.link_sha256 as found_sha256,
        case
            when published_head.link_number = 0 then 'the registry knows no head of the chain'
            when chain.link_sha256 is null then 'the chain was cut off'
            else 'the chain was made anew'
        end as problem
    from published_head
    left join chain using (link_number)
    where
        chain.link_sha256 is distinct from published_head.link_sha256
        -- Nothing happened yet that the registry should know of.
        and (published_head.link_number > 0 or (select count(*) from chain) > 1)
)

select link_number, published_sha256, found_sha256, problem
from final
order by link_number
