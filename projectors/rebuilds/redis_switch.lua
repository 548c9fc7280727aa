-- The switch of a rebuild: only if the new generation has read at least as far as the serving one in every partition.
-- KEYS: active generation, positions of the new one, positions of the serving one, mark of a switch under way.
-- ARGV: number of the new generation.
local flat = redis.call("HGETALL", KEYS[3])
for i = 1, #flat, 2 do
  if tonumber(flat[i]) then
    local new = redis.call("HGET", KEYS[2], flat[i])
    if not new or cjson.decode(new).next_offset < cjson.decode(flat[i + 1]).next_offset then return 0 end
  end
end
redis.call("SET", KEYS[1], ARGV[1])
redis.call("DEL", KEYS[4])
return 1
