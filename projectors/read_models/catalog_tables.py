"""Tables of the read model `catalog`, their keys and indexes.

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
