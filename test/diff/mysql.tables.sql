-- mysql.tables.sql: the tables at MySQL; their rows come from the judge's.

SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION';

CREATE TABLE words (
	id		int PRIMARY KEY,
	w		varchar(80) COLLATE :one,
	wt		text COLLATE :two,
	wc		text COLLATE :three,
	wf		text,
	KEY (w)
) DEFAULT CHARSET utf8mb4;

CREATE TABLE t (
	id		int PRIMARY KEY,
	i2		smallint,
	i4		int,
	i8		bigint,
	u8		bigint unsigned,
	f4		float,
	f8		double,
	n		decimal(40,12),
	m		decimal(12,2),
	b		tinyint(1),
	s		varchar(80) COLLATE :one,
	x		longtext COLLATE :two,
	xc		text COLLATE :three,
	c		char(10) COLLATE :one,
	d		date,
	tm		time(6),
	ts		datetime(6),
	tz		timestamp(6) NULL,
	y		longblob,
	j		json,
	KEY (i4), KEY (s), KEY (d), KEY (m, id)
) DEFAULT CHARSET utf8mb4;

CREATE TABLE u (
	id		int PRIMARY KEY,
	t_id	int,
	k8		bigint,
	ks		varchar(80) COLLATE :one,
	kc		text COLLATE :three,
	kn		bigint unsigned,
	kd		date,
	kz		timestamp(6) NULL,
	amount	decimal(12,2),
	note	text,
	KEY (t_id), KEY (ks)
) DEFAULT CHARSET utf8mb4;

CREATE TABLE v (
	id		int PRIMARY KEY,
	wide	int,
	shown	int,
	digits	int,
	narrow	float,
	day		datetime,
	`odd "``name` int,
	flag	int,
	amount	double,
	fixed	varchar(20)
) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci;

CREATE TABLE p (
	id		int PRIMARY KEY,
	tiny	tinyint,
	utiny	tinyint unsigned,
	usmall	smallint unsigned,
	umed	mediumint unsigned,
	uint	int unsigned,
	ubig	bigint unsigned,
	yr		year,
	flag	bit(1),
	bits	bit(12),
	mood	enum('small', 'medium', 'a', 'Z', '10'),
	tags	set('b', 'a', 'c'),
	dec1	decimal(65,30),
	dec2	decimal(5,2),
	fl		float,
	l1		varchar(40) CHARACTER SET latin1,
	gci		varchar(40) CHARACTER SET utf8mb3,
	bin		binary(4),
	vbin	varbinary(20),
	dt		datetime,
	dt3		datetime(3),
	tz0		timestamp NULL,
	t0		time,
	span	time(6),
	g		char(36),
	js		json,
	zd		date,
	zt		datetime(6),
	gen		int,
	nn		int NOT NULL,
	nd		date NOT NULL,
	dts		datetime(6),
	ddb		double,
	dzf		int(5) zerofill,
	ddc		decimal(8,2),
	dtm		time(3),
	dyr		year,
	KEY (uint), KEY (yr), KEY (mood), KEY (l1), KEY (gci), KEY (vbin), KEY (dt), KEY (fl), KEY (t0), KEY (nd), KEY (dec2), KEY (zd)
) DEFAULT CHARSET utf8mb4;
