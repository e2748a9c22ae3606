/* hello-guestd greets the machine it runs on, once or again and again. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "unversioned"
#endif
#ifndef CONFIG
#define CONFIG "/etc/hello-guest/hello-guest.conf"
#endif

struct config {
	char greeting[128];
	unsigned interval; /* seconds */
};

static volatile sig_atomic_t stop, reload;

static void on_signal(int sig)
{
	if (sig == SIGHUP)
		reload = 1;
	else
		stop = 1;
}

/* parse_line takes "key = value" into c; it returns -1 for an unknown key. */
static int parse_line(struct config *c, char *line)
{
	char key[32], value[128];

	line[strcspn(line, "#\n")] = '\0';
	if (strspn(line, " \t") == strlen(line))
		return 0;
	if (sscanf(line, " %31[a-z] = %127[^\n]", key, value) != 2)
		return -1;
	if (strcmp(key, "greeting") == 0) {
		snprintf(c->greeting, sizeof c->greeting, "%s", value);
		return 0;
	}
	if (strcmp(key, "interval") == 0) {
		c->interval = (unsigned)strtoul(value, NULL, 10);
		return c->interval > 0 ? 0 : -1;
	}
	return -1;
}

static int read_config(struct config *c, const char *path)
{
	char line[256];
	int number = 0;
	FILE *f = fopen(path, "r");

	if (!f) {
		fprintf(stderr, "hello-guestd: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof line, f)) {
		number++;
		if (parse_line(c, line) < 0) {
			fprintf(stderr, "hello-guestd: %s:%d: not understood\n", path, number);
			fclose(f);
			return -1;
		}
	}
	fclose(f);
	return 0;
}

static void greet(const struct config *c)
{
	char host[256] = "guest";

	gethostname(host, sizeof host - 1);
	printf("%s, %s! This is hello-guest %s.\n", c->greeting, host, VERSION);
	fflush(stdout);
}

static void serve(struct config *c, const char *path)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	while (!stop) {
		if (reload) {
			reload = 0;
			read_config(c, path);
		}
		greet(c);
		sleep(c->interval);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "once", no_argument, NULL, 'o' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct config c = { .greeting = "Hello", .interval = 60 };
	const char *path = CONFIG;
	int option, once = 0;

	while ((option = getopt_long(argc, argv, "c:ov", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'o':
			once = 1;
			break;
		case 'v':
			printf("hello-guest %s\n", VERSION);
			return 0;
		default:
			fprintf(stderr, "usage: hello-guestd [--config FILE] [--once] [--version]\n");
			return 2;
		}
	}
	if (read_config(&c, path) < 0)
		return 1;
	if (once)
		greet(&c);
	else
		serve(&c, path);
	return 0;
}
