-- The switch of a rebuild: only if the new generation has read at least as far as the serving one in every partition, and
-- no parked record was taken out of the serving one since both were compared.
-- KEYS: active generation, positions of the new one, positions of the serving one, mark of a switch under way.
-- ARGV: number of the new generation; how many times parked records had been taken out by partition, as JSON; the partitions
-- in which the serving one is beyond the log's end, as the names of a JSON object.
-- Answers "switched", "behind" or "unparked".
local unparked, beyond = cjson.decode(ARGV[2]), cjson.decode(ARGV[3])
local flat = redis.call("HGETALL", KEYS[3])
for i = 1, #flat, 2 do
  if tonumber(flat[i]) then
    local served = cjson.decode(flat[i + 1])
    if (served.unparked or 0) ~= (unparked[flat[i]] or 0) then return "unparked" end
    local new = redis.call("HGET", KEYS[2], flat[i])
    if not new or (cjson.decode(new).next_offset < served.next_offset and not beyond[flat[i]]) then return "behind" end
  end
end
redis.call("SET", KEYS[1], ARGV[1])
redis.call("DEL", KEYS[4])
return "switched"
