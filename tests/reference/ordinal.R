# Writes ordinal.json beside this script. Run: Rscript ordinal.R
suppressMessages({library(ordinal); library(sandwich); library(numDeriv); library(jsonlite)})
TIGHT <- clm.control(gradTol = 1e-11, maxIter = 200)

grow <- function(seed, n_groups, per, cuts, spread, unbalanced = FALSE) {
  set.seed(seed)
  g <- if (unbalanced) rep(seq_len(n_groups), 1 + seq_len(n_groups) %% per) else rep(seq_len(n_groups), each = per)
  n <- length(g); arm <- rbinom(n_groups, 1, 0.5)[g]; x <- round(rnorm(n), 3)
  latent <- 0.9 * arm + 0.5 * x + rnorm(n_groups, 0, spread)[g] + rlogis(n)
  data.frame(y = findInterval(latent, cuts), arm = arm, x = x, g = g)
}
layouts <- list(
  balanced = grow(1, 60, 4, c(-1, 0.5, 2), 1), unbalanced = grow(2, 40, 6, c(-1, 0.3, 1.5), 1.5, TRUE),
  one_row = grow(3, 120, 1, c(-0.5, 1), 0), twelve = grow(4, 12, 4, c(-0.5, 1), 1),
  binary = grow(5, 30, 3, 0.4, 1), five = grow(6, 50, 5, c(-2, -1, 0.5, 2), 0.5),
  # Sessions and depth in micrometres: columns far from zero and of unequal size.
  scaled = transform(grow(7, 40, 3, c(-0.5, 1), 1), x = 1500 + 400 * x))

cases <- list()
add <- function(func, layout, call, clustered, expected)
  cases[[length(cases) + 1]] <<- list(func = func, layout = layout, call = call, clustered = clustered, expected = expected)

# Log-likelihood by row when effects differ between thresholds: theta, beta, then deviations. Written
# with exp() since plogis() takes no complex numbers, whose steps give derivatives to all digits.
by_row <- function(p, y, X, free) {
  last <- max(y); k <- ncol(X); theta <- p[seq_len(last)]; beta <- p[last + seq_len(k)]
  delta <- matrix(p[-seq_len(last + k)], length(free), last - 1)
  eta <- sapply(seq_len(last), function(j) theta[j] - X %*% beta - (if (j > 1) X[, free, drop = FALSE] %*% delta[, j - 1] else 0))
  below <- cbind(0, 1 / (1 + exp(-eta)), 1); i <- seq_along(y)
  log(below[cbind(i, y + 2)] - below[cbind(i, y + 1)])
}
clustered_score <- function(fit, d, free) {
  X <- as.matrix(d[c("arm", "x")]); last <- max(d$y); m <- (last - 1) * length(free); k <- length(coef(fit))
  # Deviations at zero; columns divided by their size keep numerical derivatives exact.
  size <- apply(abs(X), 2, max); Z <- sweep(X, 2, size, "/")
  p <- c(fit$alpha, fit$beta * size, rep(0, m))
  S <- jacobian(by_row, p, y = d$y, X = Z, free = free, method = "complex")
  A <- -hessian(function(q) sum(by_row(q, d$y, Z, free)), p, method = "complex")
  e <- rowsum(S[, -seq_len(k), drop = FALSE] - S[, seq_len(k)] %*% solve(A[1:k, 1:k], A[1:k, -(1:k), drop = FALSE]), d$g)
  drop(colSums(e) %*% solve(crossprod(e), colSums(e)))
}

for (name in names(layouts)) {
  d <- layouts[[name]]; d$grade <- factor(d$y, ordered = TRUE)
  fit <- clm(grade ~ arm + x, data = d, control = TIGHT)
  last <- length(fit$alpha); n_groups <- length(unique(d$g))
  shared <- list(thresholds = unname(fit$alpha), estimate = unname(fit$beta), log_likelihood = as.numeric(logLik(fit)))
  se <- sqrt(diag(vcov(fit)))
  add("proportional_odds", name, "clm(grade ~ arm + x)", FALSE, c(shared, list(
    threshold_errors = unname(se[1:last]), std_error = unname(se[-(1:last)]),
    p_value = unname(coef(summary(fit))[c("arm", "x"), 4]))))
  V <- vcovCL(fit, cluster = d$g, type = "HC1"); se <- unname(sqrt(diag(V)))
  t <- fit$beta / se[-(1:last)]
  add("proportional_odds", name, "vcovCL(clm, type='HC1'), t with G-1 df", TRUE, c(shared, list(
    threshold_errors = se[1:last], std_error = se[-(1:last)], p_value = unname(2 * pt(-abs(t), n_groups - 1)),
    ci_low = unname(fit$beta - qt(0.975, n_groups - 1) * se[-(1:last)]))))
  if (last < 2) next
  nominal <- list(arm = clm(grade ~ x, nominal = ~ arm, data = d, control = TIGHT),
                  x = clm(grade ~ arm, nominal = ~ x, data = d, control = TIGHT),
                  both = clm(grade ~ 1, nominal = ~ arm + x, data = d, control = TIGHT))
  tests <- lapply(nominal, function(wide) anova(fit, wide))
  add("proportionality", name, "anova(clm(grade ~ arm + x), clm(nominal = ~ ...))", FALSE, list(
    statistic = sapply(tests, function(a) a$LR.stat[2], USE.NAMES = FALSE), df = sapply(tests, function(a) a$df[2], USE.NAMES = FALSE),
    p_value = sapply(tests, function(a) a[["Pr(>Chisq)"]][2], USE.NAMES = FALSE)))
  score <- sapply(list(1, 2, 1:2), clustered_score, fit = fit, d = d)
  add("proportionality", name, "score test from numDeriv scores, summed by group", TRUE, list(
    statistic = score, p_value = pchisq(score, (last - 1) * c(1, 1, 2), lower.tail = FALSE)))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
version <- function(p) as.character(packageVersion(p))
json <- toJSON(list(
  generator = "tests/reference/ordinal.R", r = R.version.string,
  packages = sapply(c("ordinal", "sandwich", "numDeriv"), version, simplify = FALSE),
  layouts = lapply(layouts, function(d) exact(as.list(d))), cases = exact(cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "ordinal.json")
