-- Positions of a generation. Where there are none (new, or the server lost them) whatever is left of it is removed, so
-- that reading from the start counts nothing twice.
-- KEYS: positions. ARGV: prefix of the generation's keys, zero position as JSON, then the partitions.
if redis.call("EXISTS", KEYS[1]) == 0 then
  for _, key in ipairs(redis.call("KEYS", ARGV[1] .. "*")) do redis.call("DEL", key) end
end
for i = 3, #ARGV do redis.call("HSETNX", KEYS[1], ARGV[i], ARGV[2]) end
return redis.call("HGETALL", KEYS[1])
