/* dir.h - the names in a directory. */
#ifndef GD_BASE_DIR_H
#define GD_BASE_DIR_H

#include <dirent.h>

/* Takes over an open directory, -1 for none: NULL, with errno, if it can't be listed; it is closed then. */
DIR *gd_dir_list(int fd);

/* The next name other than "." and "..", or NULL, with errno 0 at the end of the list and otherwise the reason. */
const char *gd_dir_next(DIR *list);

#endif
