#include <stdio.h>
#include <unistd.h>

int main(void) {
  printf("hello %s\n", VERSION);
  return pause();
}
