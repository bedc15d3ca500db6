-- question: Does the chain contain the head that was last published to the model registry?
-- grain: One row if it does not, because the chain was truncated or rewritten.
-- column link_number: number of the published link
-- column published_sha256: sha256 of the link in the registry
-- column found_sha256: sha256 of that link in the chain, null if the chain has no such link
-- column problem: description of the problem
with

final as (
    select
        published_head.link_number,
        published_head.link_sha256 as published_sha256,
        chain.link_sha256 as found_sha256,
        case
            when published_head.link_number = 0 then 'no head of the chain was published to the registry'
            when chain.link_sha256 is null then 'the chain was truncated'
            else 'the chain was rewritten'
        end as problem
    from published_head
    left join chain using (link_number)
    where
        chain.link_sha256 is distinct from published_head.link_sha256
        -- A chain with only its first link has no published head.
        and (published_head.link_number > 0 or (select count(*) from chain) > 1)
)

select link_number, published_sha256, found_sha256, problem
from final
order by link_number
