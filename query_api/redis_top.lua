-- The highest members of sorted sets of a projection's active generation, summed.
-- KEYS: where the number of that generation stands; where the sum may lie meanwhile.
-- ARGV: the projection; how many members; the names of the sorted sets.
-- Returns members and scores in turn, or nothing when there is no generation.
local generation = redis.call('GET', KEYS[1])
if not generation then
    return false
end
local prefix = ARGV[1] .. ':' .. generation .. ':'
local key = prefix .. ARGV[3]
if #ARGV > 3 then
    local union = {KEYS[2], #ARGV - 2}
    for at = 3, #ARGV do
        union[at] = prefix .. ARGV[at]
    end
    redis.call('ZUNIONSTORE', unpack(union))
    key = KEYS[2]
end
local found = redis.call('ZRANGE', key, 0, ARGV[2] - 1, 'REV', 'WITHSCORES')
if #ARGV > 3 then
    redis.call('UNLINK', KEYS[2])
end
return found
