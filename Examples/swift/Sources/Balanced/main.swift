import Apus

print("hello")
