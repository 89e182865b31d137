module kubarium/assets/helpers/pages

go 1.26.0
