"""The statements that fill the tables of the read model `catalog` from arrays."""

CHANGED = (
    "product_id", "name", "description", "identification", "image_url", "folded_name", "folded_description",
    "withdrawn", "withdrawn_reason", "withdrawn_note", "version", "updated_at",
)  # fmt: skip
"""The columns of `products` that one change may set alone, in the order in which both statements take them."""

NEW = """
INSERT INTO {schema}.products
SELECT product_id, name, description, identification, image_url, folded_name, folded_description, withdrawn,
       withdrawn_reason, withdrawn_note, version, updated_at, author, isbn, publisher, keywords::jsonb, published_year,
       language, folded_author, folded_keywords, kind, brand_id, category_id, supplier_id, sku, price, currency,
       added_at, partition
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
            $9::text[], $10::text[], $11::bigint[], $12::timestamptz[], $13::text[], $14::text[], $15::text[],
            $16::text[], $17::int[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[],
            $24::text[], $25::text[], $26::bigint[], $27::text[], $28::timestamptz[], $29::int[])
     AS u(product_id, name, description, identification, image_url, folded_name, folded_description, withdrawn,
          withdrawn_reason, withdrawn_note, version, updated_at, author, isbn, publisher, keywords, published_year,
          language, folded_author, folded_keywords, kind, brand_id, category_id, supplier_id, sku, price, currency,
          added_at, partition)
"""

CHANGES = """
UPDATE {schema}.products p
SET name = COALESCE(u.name, p.name), description = COALESCE(u.description, p.description),
    identification = COALESCE(u.identification, p.identification), image_url = COALESCE(u.image_url, p.image_url),
    folded_name = COALESCE(u.folded_name, p.folded_name),
    folded_description = COALESCE(u.folded_description, p.folded_description),
    withdrawn = COALESCE(u.withdrawn, p.withdrawn),
    withdrawn_reason = COALESCE(u.withdrawn_reason, p.withdrawn_reason),
    withdrawn_note = COALESCE(u.withdrawn_note, p.withdrawn_note), version = u.version, updated_at = u.updated_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
            $9::text[], $10::text[], $11::bigint[], $12::timestamptz[])
     AS u(product_id, name, description, identification, image_url, folded_name, folded_description, withdrawn,
          withdrawn_reason, withdrawn_note, version, updated_at)
WHERE p.product_id = u.product_id
"""

BOOKS = """
UPDATE {schema}.products p
SET author = u.author, isbn = u.isbn, publisher = u.publisher, keywords = u.keywords::jsonb,
    published_year = u.published_year, language = u.language, folded_author = u.folded_author,
    folded_keywords = u.folded_keywords
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::text[])
     AS u(product_id, author, isbn, publisher, keywords, published_year, language, folded_author, folded_keywords)
WHERE p.product_id = u.product_id
"""

VARIANTS = """
INSERT INTO {schema}.variants
SELECT product_id, sku, options::jsonb, price, currency
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
     AS u(product_id, sku, options, price, currency)
"""

PRICES = """
WITH priced AS (
    UPDATE {schema}.variants v SET price = u.price, currency = u.currency
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS u(product_id, sku, price, currency)
    WHERE v.product_id = u.product_id AND v.sku = u.sku
    RETURNING v.product_id, v.sku, v.price, v.currency
)
UPDATE {schema}.products p SET price = priced.price, currency = priced.currency
FROM priced WHERE p.product_id = priced.product_id AND p.sku = priced.sku
"""

PRICE_HISTORY = """
INSERT INTO {schema}.price_history
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
                     $8::timestamptz[])
"""

FACETS = """
INSERT INTO {schema}.facet_counts AS f
SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::bigint[])
ON CONFLICT (partition, facet, value) DO UPDATE SET count = f.count + excluded.count
"""

FACETS_OF_WITHDRAWN = """
UPDATE {schema}.facet_counts f SET count = f.count - gone.count
FROM (
    SELECT u.partition, p.kind, count(*) AS count
    FROM unnest($1::text[], $2::int[]) AS u(product_id, partition)
    JOIN {schema}.products p ON p.product_id = u.product_id AND NOT p.withdrawn
    GROUP BY u.partition, p.kind
) AS gone
WHERE f.partition = gone.partition AND f.facet = 'kind' AND f.value = gone.kind
"""
