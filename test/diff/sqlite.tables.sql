-- sqlite.tables.sql: the tables at SQLite; their rows come from the judge's.

CREATE TABLE words (
	id		integer PRIMARY KEY,
	w		varchar(80) COLLATE :one,
	wt		text COLLATE :two,
	wc		text COLLATE :three,
	wf		text
);
CREATE INDEX words_w ON words (w);

CREATE TABLE t (
	id		integer PRIMARY KEY,
	i2		smallint,
	i4		int,
	i8		bigint,
	u8		numeric,
	f4		real,
	f8		double precision,
	n		numeric,
	m		decimal(12,2),
	b		boolean,
	s		varchar(80) COLLATE :one,
	x		text COLLATE :two,
	xc		text COLLATE :three,
	c		char(10) COLLATE :one,
	d		date,
	tm		time,
	ts		timestamp,
	tz		timestamptz,
	y		blob,
	j		json
);
CREATE INDEX t_i4 ON t (i4);
CREATE INDEX t_s ON t (s);
CREATE INDEX t_d ON t (d);

CREATE TABLE u (
	id		integer PRIMARY KEY,
	t_id	int,
	k8		bigint,
	ks		varchar(80) COLLATE :one,
	kc		text COLLATE :three,
	kn		numeric,
	kd		date,
	kz		timestamptz,
	amount	numeric(12,2),
	note	text
);
CREATE INDEX u_t_id ON u (t_id);

CREATE TABLE v (
	id		integer PRIMARY KEY,
	wide	int,
	shown	int,
	digits	varchar(20),
	narrow	real,
	day		datetime,
	"odd ""`name" int,
	flag	int,
	amount	double,
	fixed	varchar(20)
);

CREATE TABLE p (
	id		integer PRIMARY KEY,
	anyc	COLLATE :three,
	txt		text,
	num		numeric,
	vnum	varchar(40),
	dbl		double,
	boo		boolean,
	blo		blob,
	tim		time,
	js		json,
	g		uuid,
	c		char(5),
	f4		float,
	nn		integer NOT NULL,
	`ro``w "x"` text
);
CREATE INDEX p_any ON p (anyc);
CREATE INDEX p_txt ON p (txt);
CREATE INDEX p_num ON p (num);
CREATE INDEX p_vnum ON p (vnum);

CREATE TABLE k (
	k		text PRIMARY KEY COLLATE :two,
	id		int
) WITHOUT ROWID;
