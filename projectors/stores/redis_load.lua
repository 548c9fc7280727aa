-- Positions of a generation. Where there are none (new, or the server lost them) whatever is left of it is removed, so
-- that reading from the start counts nothing twice. What another version has filled is left as it is.
-- KEYS: positions. ARGV: prefix of the generation's keys, zero position as JSON, the projection's version, then the partitions.
if redis.call("EXISTS", KEYS[1]) == 0 then
  for _, key in ipairs(redis.call("KEYS", ARGV[1] .. "*")) do redis.call("DEL", key) end
end
redis.call("HSETNX", KEYS[1], "version", ARGV[3])
if redis.call("HGET", KEYS[1], "version") == ARGV[3] then
  for i = 4, #ARGV do redis.call("HSETNX", KEYS[1], ARGV[i], ARGV[2]) end
end
return redis.call("HGETALL", KEYS[1])
