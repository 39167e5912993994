import cv2, numpy, sys
print(cv2.__version__, numpy.__version__)
a=numpy.zeros((8,8,3),numpy.uint8)
cv2.imwrite("/tmp/a.jpg",a); print(cv2.imread("/tmp/a.jpg").shape, cv2.rotate(a,0).shape)
print(numpy.linalg.inv(numpy.eye(3)).sum())
import hashlib, json, random, ctypes, multiprocessing, re; print(hashlib.sha256(b'').hexdigest()[:6])
