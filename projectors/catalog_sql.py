"""Tables of the read model `catalog`, and the statements that fill them from arrays.

The words to search come folded (lower case, no accents); name, SKU and ISBN weigh most, then author, keywords, text.
"""

DDL = """
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE TABLE {schema}.products (
    product_id text NOT NULL,
    name text NOT NULL,
    description text,
    identification text,
    image_url text,
    folded_name text NOT NULL,
    folded_description text,
    withdrawn boolean NOT NULL,
    withdrawn_reason text,
    withdrawn_note text,
    version bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    author text,
    isbn text,
    publisher text,
    keywords jsonb NOT NULL,
    published_year int,
    language text,
    folded_author text,
    folded_keywords text,
    kind text NOT NULL,
    brand_id text,
    category_id text,
    supplier_id text,
    sku text NOT NULL,
    price bigint NOT NULL,
    currency text NOT NULL,
    added_at timestamptz NOT NULL,
    partition int NOT NULL,
    brand_name text,
    category_name text,
    supplier_name text,
    folded text NOT NULL GENERATED ALWAYS AS (folded_name || ' ' || COALESCE(folded_author, '')) STORED,
    search tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('simple'::regconfig, folded_name || ' ' || sku || ' ' || COALESCE(isbn, '')), 'A')
        || setweight(to_tsvector('english'::regconfig, folded_name), 'A')
        || setweight(to_tsvector('simple'::regconfig, COALESCE(folded_author, '')), 'B')
        || setweight(to_tsvector('english'::regconfig, COALESCE(folded_keywords, '')), 'C')
        || setweight(to_tsvector('english'::regconfig, COALESCE(folded_description, '')), 'D')
    ) STORED
);
CREATE TABLE {schema}.variants (
    product_id text NOT NULL,
    sku text NOT NULL,
    options jsonb NOT NULL,
    price bigint NOT NULL,
    currency text NOT NULL
);
CREATE TABLE {schema}.price_history (
    product_id text NOT NULL,
    sku text NOT NULL,
    sequence bigint NOT NULL,
    old_price bigint,
    new_price bigint NOT NULL,
    currency text NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL
);
CREATE TABLE {schema}.facet_counts (
    partition int NOT NULL,
    facet text NOT NULL,
    value text NOT NULL,
    count bigint NOT NULL
);
"""

KEYS = """
ALTER TABLE {schema}.products ADD PRIMARY KEY (product_id);
ALTER TABLE {schema}.variants ADD PRIMARY KEY (product_id, sku);
ALTER TABLE {schema}.price_history ADD PRIMARY KEY (product_id, sku, sequence);
ALTER TABLE {schema}.facet_counts ADD PRIMARY KEY (partition, facet, value);
"""

INDEXES = """
CREATE INDEX ON {schema}.products USING gin (search);
CREATE INDEX ON {schema}.products USING gin (folded public.gin_trgm_ops);
CREATE INDEX ON {schema}.products (folded_name, product_id) WHERE NOT withdrawn;
CREATE INDEX ON {schema}.products (price, product_id) WHERE NOT withdrawn;
CREATE INDEX ON {schema}.products (added_at DESC, product_id DESC) WHERE NOT withdrawn;
CREATE INDEX ON {schema}.products (sku);
CREATE INDEX ON {schema}.products (isbn);
CREATE INDEX ON {schema}.variants (sku);
"""

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
