# Writes sign_flip_scores.json beside this script: scores and all sign flips by full matrices. Run: Rscript sign_flip_scores.R
suppressMessages(library(jsonlite))

set.seed(52)
visits <- local({
  patient <- rep(1:7, c(2, 3, 4, 2, 3, 2, 4))
  n <- length(patient)
  treated <- ave(patient, patient, FUN = seq_along) %% 2
  age <- round(rnorm(7), 3)[patient]; depth <- round(rnorm(n), 3)
  common <- rnorm(7)[patient] + 0.3 * treated + 0.5 * depth
  list(patient = patient, columns = list(mean = rep(1, n), treated = treated, age = age, depth = depth),
       outcomes = list(score = round(common + rnorm(n), 4), rating = round(common + rnorm(n), 4)))
})
arms <- list(patient = 1:6, columns = list(mean = rep(1, 6), treated = c(1, 1, 1, 0, 0, 0)),
             outcomes = list(score = c(3.1, 4.4, 5.2, 1.9, 2.2, 4.1), rating = c(2.5, 2.9, 4.4, 3.1, 0.4, 1.2)))
spec <- function(outcome, columns, tested = "treated", patients = NULL, ratio = 0, null = 0)
  list(outcome = outcome, columns = columns, tested = tested, patients = patients, ratio = ratio, null = null)
families <- list(
  visits = list(data = visits, specifications = list(
    spec("score", c("mean", "treated")),
    spec("rating", c("mean", "treated"), ratio = 1),
    spec("score", c("mean", "treated", "depth"), ratio = 0.5),
    spec("rating", c("mean", "treated", "age", "depth")),
    spec("score", c("mean", "treated"), patients = 1:5, ratio = 2, null = 0.25))),
  means = list(data = visits, specifications = list(
    spec("score", "mean", "mean"), spec("rating", "mean", "mean", ratio = 1, null = 0.3),
    spec("rating", c("mean", "depth"), "mean", patients = c(1, 3, 4, 6, 7)))),
  between = list(data = visits, specifications = list(
    spec("score", c("mean", "age"), "age", ratio = 1), spec("rating", c("mean", "age", "treated"), "age"),
    spec("rating", c("mean", "age"), "age", patients = 2:7, ratio = 0.7, null = -0.2))),
  arms = list(data = arms, specifications = list(
    spec("score", c("mean", "treated")), spec("rating", c("mean", "treated"), null = 0.5))))

root_inverse <- function(v) { e <- eigen(v, symmetric = TRUE); e$vectors %*% (e$values^-0.5 * t(e$vectors)) }

solve_one <- function(data, s) {
  rows <- if (is.null(s$patients)) rep(TRUE, length(data$patient)) else data$patient %in% s$patients
  id <- data$patient[rows]; everyone <- sort(unique(data$patient))
  x <- data$columns[[s$tested]][rows]
  others <- data$columns[setdiff(s$columns, s$tested)]
  z <- matrix(as.numeric(unlist(others)), length(rows), length(others))[rows, , drop = FALSE]
  y <- data$outcomes[[s$outcome]][rows] - s$null * x
  v <- diag(length(id)) + s$ratio * outer(id, id, "==")
  left <- if (ncol(z)) diag(length(id)) - z %*% solve(t(z) %*% solve(v) %*% z) %*% t(z) %*% solve(v) else diag(length(id))
  r <- left %*% y; xt <- left %*% x
  w <- root_inverse(v)
  list(nu = sapply(everyone, function(i) { k <- id == i; if (any(k)) sum(xt[k] * (solve(v[k, k]) %*% r[k])) else 0 }),
       # share of the score's variance left when rows are flipped, errors with covariance v
       left = function(g) {
         f <- diag(g[match(id, everyone)], length(id)); u <- w %*% xt; h <- w %*% z
         keep <- diag(length(id)) - if (ncol(z)) h %*% solve(t(h) %*% h) %*% t(h) else 0
         as.numeric(t(u) %*% f %*% keep %*% f %*% u / sum(u^2))
       })
}

EPS <- 1e-9
tests <- function(t_all, alternative) {
  # the first row of t_all is the observed one; NA marks a flip without anything left
  turn <- if (alternative == "less") -t_all else t_all
  turn[is.na(turn)] <- Inf
  size <- if (alternative == "two-sided") abs(turn) else turn
  middle <- apply(turn, 1, median); if (alternative == "two-sided") middle <- abs(middle)
  seen <- size[1, ]; m <- length(seen); order_ <- order(seen, decreasing = TRUE); adjusted <- numeric(m); last <- 0
  for (k in seq_len(m)) {
    weaker <- order_[k:m]
    last <- max(last, mean(apply(size[, weaker, drop = FALSE], 1, max) >= seen[order_[k]] - EPS))
    adjusted[order_[k]] <- last
  }
  list(alternative = alternative, p_values = as.list(colMeans(sweep(size, 2, seen - EPS, ">="))), p_adjusted = as.list(adjusted),
       p_global = mean(apply(size, 1, max) >= max(seen) - EPS), p_median = mean(middle >= middle[1] - EPS))
}

out <- lapply(families, function(family) {
  parts <- lapply(family$specifications, function(s) solve_one(family$data, s))
  nu <- sapply(parts, `[[`, "nu")
  signs <- as.matrix(expand.grid(rep(list(c(1, -1)), nrow(nu))))
  plain <- sweep(signs %*% nu, 2, sqrt(colSums(nu^2)), "/")
  left <- sapply(parts, function(p) apply(signs, 1, p$left))
  standardised <- plain / sqrt(ifelse(left < 1e-9, NA, left))
  ways <- c("two-sided", "less", "greater")
  list(data = family$data, specifications = lapply(family$specifications, function(s) {
         s$columns <- as.list(s$columns); s$patients <- as.list(s$patients); s }),
       scores = nu, t = as.list(plain[1, ]),
       plain = lapply(ways, tests, t_all = plain), standardised = lapply(ways, tests, t_all = standardised))
})

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) {
  d <- dim(v); v <- sprintf("@%.17g", v); if (!is.null(d)) dim(v) <- d; v
}, classes = c("numeric", "integer", "matrix"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/sign_flip_scores.R", r = R.version.string,
  packages = list(base = as.character(packageVersion("base"))),
  calls = c("scores: solve() on full covariances", "flips: expand.grid(rep(list(c(1, -1)), n))"),
  families = out)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "sign_flip_scores.json")
